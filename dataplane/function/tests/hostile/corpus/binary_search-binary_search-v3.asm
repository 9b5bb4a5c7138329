# hook call
f0:
    mov %r0, -1
    ldxdw %r2, [%r1+8]
    ldxdw %r6, [%r1]
    mov %r1, %r6
    add %r1, 4
    jlt %r2, %r1, i51
    sub %r2, %r1
    mov %r7, 0
    mov %r4, %r10
    add %r4, -16
    mov %r3, 0
    call 1
    ldxdw %r2, [%r10-8]
    ldxdw %r1, [%r10-16]
    mov %r3, %r2
    sub %r3, %r1
    rsh %r3, 2
    jeq32 %r3, 0, i40
    mov32 %r5, 0
    ldxw %r4, [%r6]
    ja i25
i21:
    mov32 %r5, %r0
    jgt32 %r3, %r0, i25
    mov32 %r7, %r0
    ja i40
i25:
    mov32 %r0, %r3
    sub32 %r0, %r5
    rsh32 %r0, 1
    add32 %r0, %r5
    mov %r7, %r0
    lsh %r7, 2
    mov %r8, %r1
    add %r8, %r7
    ldxw %r7, [%r8]
    jlt32 %r7, %r4, i36
    mov32 %r3, %r0
i36:
    add32 %r0, 1
    jlt32 %r7, %r4, i21
    mov32 %r0, %r5
    ja i21
i40:
    mov %r3, %r7
    lsh %r3, 2
    add %r1, %r3
    mov %r0, -1
    mov %r3, %r1
    add %r3, 4
    jlt %r2, %r3, i51
    ldxw %r2, [%r6]
    ldxw %r1, [%r1]
    jne32 %r1, %r2, i51
    mov %r0, %r7
i51:
    exit
