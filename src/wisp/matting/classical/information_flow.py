"""Information-flow matting: Aksoy, Aydın and Pollefeys 2017."""
from __future__ import annotations
from typing import Final
import numpy as np
from scipy.sparse import csr_array, diags_array
from wisp.core.arrays import Image, Trimap
from wisp.matting.classical.cholesky import nested_dissection
from wisp.matting.classical.closed_form import explained
from wisp.matting.classical.local_linear import factorise, window_laplacian
from wisp.matting.classical.neighbours import features, mixing_weights, nearest
from wisp.matting.classical.system import *
from wisp.matting.classical.system import AT_ONCE, Part, Progress, Solution, System, silent, solve, warn_unless_converged, by_rows
from functools import partial
import time
METHOD: Final = "information-flow"

def information_flow(image, trimap, *, k_cm=20,k_ku=7,k_uu=5,s_ku=.05,s_uu=.01,s_l=1.0,tolerance=1e-4,max_iterations=2000,reg=1e-3,dw_cm=1.0,dw_ku=10.0,dw_uu=.05,eps=0.0,shift=0.1,trim=True,verbose=False,at_once=AT_ONCE,progress=silent):
    def build(part):
        T=[time.process_time()]
        def tick(n):
            t=time.process_time(); verbose and print(n,round(t-T[0],3)); T[0]=t
        un=part.unknown
        rows,cols=np.nonzero(un)
        order=nested_dissection(rows,cols,2)
        rows,cols=rows[order.order],cols[order.order]
        upper,rhs=window_laplacian(part.image,un,part.alpha,rows,cols,partial(explained,epsilon=1e-7),1)
        upper=upper*s_l; rhs=rhs*s_l
        tick('window')
        flat=rows*un.shape[1]+cols; n=len(flat)
        number=np.full(un.size,-1,np.int32); number[flat]=np.arange(n,dtype=np.int32)
        held=part.alpha.ravel(); colours=part.image.reshape(-1,3)
        def near(f,pool,k):
            idx=nearest(f[pool] if pool is not None else f,f[flat],k,eps)
            return idx if pool is None else pool[idx]
        # query in raster order for cache? 
        f=features(part,dw_cm)
        nb=near(f,None,k_cm+1)
        tick('cm nn')
        # drop self
        self_=nb==flat[:,None]
        none=~self_.any(1); self_[none,-1]=True
        nb=nb[~self_].reshape(n,k_cm)
        w=mixing_weights(colours[nb],colours[flat],reg)
        other=number[nb]
        c=(np.where(other<0,w,0)*held[nb]).sum(1)
        W=by_rows(w,other)
        tick('cm w')
        # KU
        known=~un.ravel(); F=np.flatnonzero(known&(held>.5)); B=np.flatnonzero(known&(held<=.5))
        f=features(part,dw_ku)
        kf,kb=min(k_ku,len(F)),min(k_ku,len(B))
        nf=near(f,F,kf); nB=near(f,B,kb)
        tick('ku nn')
        allc=np.concatenate([nf,nB],1)
        w=mixing_weights(colours[allc],colours[flat],reg)
        wf=w[:,:kf].sum(1)
        cf=np.einsum('nk,nkc->nc',w[:,:kf],colours[nf])/np.where(np.abs(wf)>1e-9,wf,1)[:,None]
        wb=1-wf
        cb=np.einsum('nk,nkc->nc',w[:,kf:],colours[nB])/np.where(np.abs(wb)>1e-9,wb,1)[:,None]
        eta=np.minimum(((cf-cb)**2).sum(1)/3,1); 
        wf=np.clip(wf,0,1)
        ku=s_ku*eta
        # UU
        f=features(part,dw_uu)[flat]
        nu=nearest(f,f,min(k_uu+1,n),eps)
        wu=np.maximum(1-np.abs(f[nu]-f[:,None]).sum(2),0)
        U=by_rows(wu,nu); U=(U+U.T).tocsr()*s_uu
        dU=U.sum(1)
        tick('uu')
        b=rhs+ku*wf+(c-W.T@c)
        diag,lower=upper.diagonal(),upper.T
        WT=W.T.tocsr()
        def product(x):
            y=x-W@x
            return upper@x+lower@x-diag*x+ku*x+(dU*x-U@x)+(y-WT@y)
        dcm=1-2*W.diagonal()+np.asarray((W.multiply(W)).sum(0)).ravel()
        fac=factorise((upper+diags_array(ku+shift*dcm)).tocsr(),order)
        tick('factor')
        return System(product,b,fac.solve,flat)
    solution=solve(image,trimap,build,method=METHOD,tolerance=tolerance,max_iterations=max_iterations,at_once=at_once,progress=progress)
    return warn_unless_converged(solution,tolerance,"x")
